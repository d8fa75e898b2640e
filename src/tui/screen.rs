//! The loop: waits for a key, a snapshot, a signal or the next second, and draws at most thirty times a second.

use super::guard::Guard;
use super::{App, Intent, Left, Options, TuiError, clipboard};
use crate::engine::Handle;
use crate::engine::command::Command;
use crate::engine::recording::Recording;
use crate::engine::runs::{RunDir, RunsError};
use crate::engine::snapshot::{Helm, PodTerminal, Snapshot};
use crossterm::event::{Event, EventStream};
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use crossterm::{execute, queue};
use futures_util::StreamExt;
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::io::{BufWriter, Stdout, Write, stdout};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// The shortest time between two frames: thirty a second.
const FRAME: Duration = Duration::from_millis(33);

/// The same for a frame that answers a key: nobody waits for a key to be seen, and a pasted page does not draw a thousand frames.
const ANSWER: Duration = Duration::from_millis(8);

/// How long a stop by the shell may take to arrive; without job control it never does.
const STOPS_WITHIN: Duration = Duration::from_millis(300);

/// How often the clock moves on while nothing else changes.
const TICK: Duration = Duration::from_secs(1);

/// The same while a replay plays.
const PLAY: Duration = Duration::from_millis(100);

type Output = BufWriter<Stdout>;

/// The app, its terminal, and the run that it shows.
pub(super) struct Screen {
    app: App,
    handle: Handle,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    terminal: Terminal<CrosstermBackend<Output>>,
    events: Option<EventStream>,
    signals: Signals,
    /// psql in the test pod, being opened.
    opening: Option<tokio::task::JoinHandle<Result<PodTerminal, String>>>,
    drawn: Instant,
    dirty: bool,
    /// Whether the engine is known to have ended.
    gone: bool,
    answers: bool,
    recording: Option<JoinHandle<Result<Recording, RunsError>>>,
    guard: Guard,
}

/// What else can end or wake the screen.
struct Signals {
    terminate: unix::Signal,
    hang_up: unix::Signal,
    interrupt: unix::Signal,
    go_on: unix::Signal,
}

/// What the loop woke up for.
enum Woken {
    Event(Event),
    Terminal(Result<PodTerminal, String>),
    Snapshot,
    EngineGone,
    End,
    GoOn,
    Recording(Result<Recording, String>),
    Tick,
    Frame,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn open(app: App, handle: Handle, options: &Options) -> Result<Self, TuiError> {
        let signals = Signals::listen().map_err(|error| TuiError::Io("listening for signals", error))?;
        let guard = Guard::take(options.mouse || options.preferences.mouse)
            .map_err(|error| TuiError::Io("taking the terminal", error))?;
        let backend = CrosstermBackend::new(BufWriter::with_capacity(1 << 16, stdout()));
        let terminal = Terminal::new(backend).map_err(|error| TuiError::Io("asking for its size", error))?;
        let snapshots = handle.snapshots();
        let events = Some(EventStream::new());
        let drawn = Instant::now() - FRAME;
        Ok(Self {
            app,
            handle,
            snapshots,
            terminal,
            events,
            signals,
            opening: None,
            drawn,
            dirty: true,
            gone: false,
            answers: false,
            recording: None,
            guard,
        })
    }

    /// Shows the run until something ends it.
    pub(super) async fn show(mut self) -> Result<Left, TuiError> {
        loop {
            if self.dirty && Instant::now() >= self.due() {
                self.draw()?;
            }
            match self.wait().await {
                Woken::Event(event) => {
                    if let Some(left) = self.event(event).await? {
                        return Ok(left);
                    }
                }
                Woken::Terminal(opened) => self.hand_over(opened).await?,
                Woken::Snapshot => self.newest(),
                Woken::EngineGone => self.engine_gone().await,
                Woken::End => return Ok(self.stop()),
                Woken::GoOn => self.take_again()?,
                Woken::Recording(read) => self.replay(read),
                Woken::Tick => self.tick(),
                Woken::Frame => {}
            }
            if self.app.is_left_behind() {
                return Ok(Left::Operator);
            }
        }
    }

    async fn wait(&mut self) -> Woken {
        let plays = self.app.plays();
        let ticks = plays || self.app.wants_clock();
        let due = self.due();
        let gone = self.gone;
        let event = async {
            match &mut self.events {
                Some(events) => events.next().await,
                None => std::future::pending().await,
            }
        };
        let recording = async {
            match &mut self.recording {
                Some(reading) => reading.await,
                None => std::future::pending().await,
            }
        };
        let opened = async {
            match &mut self.opening {
                Some(task) => task.await.unwrap_or_else(|error| Err(error.to_string())),
                None => std::future::pending().await,
            }
        };
        let Signals { terminate, hang_up, interrupt, go_on } = &mut self.signals;
        tokio::select! {
            biased;
            _ = terminate.recv() => Woken::End,
            _ = hang_up.recv() => Woken::End,
            _ = interrupt.recv() => Woken::End,
            _ = go_on.recv() => Woken::GoOn,
            event = event => match event {
                Some(Ok(event)) => Woken::Event(event),
                Some(Err(_)) | None => Woken::End,
            },
            opened = opened => {
                self.opening = None;
                Woken::Terminal(opened)
            }
            changed = self.snapshots.changed(), if !gone => {
                if changed.is_ok() { Woken::Snapshot } else { Woken::EngineGone }
            }
            read = recording => Woken::Recording(read.map_err(|error| error.to_string()).and_then(|read| read.map_err(|error| error.to_string()))),
            () = sleep_until(due), if self.dirty => Woken::Frame,
            () = sleep(if plays { PLAY } else { TICK }), if ticks => Woken::Tick,
        }
    }

    /// When the next frame may be drawn.
    fn due(&self) -> Instant {
        self.drawn + if self.answers { ANSWER } else { FRAME }
    }

    fn newest(&mut self) {
        let snapshot = self.snapshots.borrow_and_update().clone();
        self.app.update(snapshot);
        self.dirty = true;
    }

    /// The engine has ended: with the run, or because it broke.
    async fn engine_gone(&mut self) {
        self.gone = true;
        self.newest();
        self.app.engine_ended(self.handle.finished().await.broken);
    }

    /// Reads the journal on a thread of its own: a slow disk holds up no key.
    fn read_journal(&mut self) {
        let dir = RunDir::at(Path::new(&self.handle.snapshot().run_dir));
        self.recording = Some(spawn_blocking(move || Recording::read(&dir)));
    }

    fn replay(&mut self, read: Result<Recording, String>) {
        self.recording = None;
        self.dirty = true;
        match read {
            Ok(recording) => self.app.replay(Arc::new(recording)),
            Err(why) => self.app.say(format!("the journal cannot be replayed: {why}")),
        }
    }

    fn tick(&mut self) {
        if let Some(query) = self.app.cluster_query() {
            self.handle.ask(query);
        }
        self.app.tick(Timestamp::now());
        self.dirty = true;
    }

    fn draw(&mut self) -> Result<(), TuiError> {
        let drawing = |error| TuiError::Io("drawing", error);
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate).map_err(drawing)?;
        self.terminal.draw(|frame| self.app.draw(frame)).map_err(drawing)?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate).map_err(drawing)?;
        self.drawn = Instant::now();
        (self.dirty, self.answers) = (false, false);
        Ok(())
    }

    async fn event(&mut self, event: Event) -> Result<Option<Left>, TuiError> {
        (self.dirty, self.answers) = (true, true);
        self.app.tick(Timestamp::now());
        let intents = match event {
            Event::Key(key) => self.app.on_key(key),
            Event::Mouse(mouse) => self.app.on_mouse(mouse),
            _ => Vec::new(),
        };
        for intent in intents {
            match intent {
                Intent::Command(command) => self.handle.send(command),
                Intent::Query(query) => self.handle.ask(query),
                Intent::Copy(text) => {
                    clipboard::copy(self.terminal.backend_mut(), &text)
                        .map_err(|error| TuiError::Io("copying", error))?;
                }
                Intent::Redraw => self.clear()?,
                Intent::Suspend => self.suspend().await?,
                Intent::Psql => self.open_psql(),
                Intent::Replay => self.read_journal(),
                Intent::TakeHelm => self.handle.take_helm(),
                Intent::TakeOver => return Ok(Some(Left::TakeOver)),
                Intent::Leave => return Ok(Some(self.leave())),
            }
        }
        Ok(None)
    }

    /// The operator leaves.
    fn leave(&self) -> Left {
        self.stop_if_ours();
        Left::Operator
    }

    /// A signal, or a terminal that is gone: the engine stops at the next safe place.
    fn stop(&self) -> Left {
        self.stop_if_ours();
        Left::Signal
    }

    /// A run that another process drives goes on without this terminal.
    fn stop_if_ours(&self) {
        if self.handle.snapshot().helm == Helm::Here {
            self.handle.send(Command::Quit);
        }
    }

    fn clear(&mut self) -> Result<(), TuiError> {
        self.dirty = true;
        // Not `Terminal::clear`, which asks the terminal where its cursor is and fails where the answer does not come.
        let clearing = |error| TuiError::Io("clearing", error);
        let size = self.terminal.size().map_err(clearing)?;
        self.terminal.resize(size.into()).map_err(clearing)
    }

    /// Gives the terminal to the shell and stops the whole job, as the shell expects; comes back with `fg`.
    ///
    /// The stream of keys stays: nothing reads while nobody waits for a key, and one that is made anew may lose the first.
    async fn suspend(&mut self) -> Result<(), TuiError> {
        super::restore_terminal();
        if kill(Pid::from_raw(0), Signal::SIGTSTP).is_ok() {
            // The stop may arrive a little later; without job control it never does, and the screen comes back at once.
            let _ = timeout(STOPS_WITHIN, self.signals.go_on.recv()).await;
        }
        self.take_again()
    }

    /// Asks for psql in the test pod; the screen goes on until it is there.
    fn open_psql(&mut self) {
        let (handle, size) = (self.handle.clone(), crossterm::terminal::size().unwrap_or((80, 24)));
        self.app.tell("psql is being opened …");
        self.opening = Some(tokio::spawn(async move { handle.terminal(size).await }));
    }

    /// Gives the terminal to psql until it ends; why it could not be opened is said on the screen.
    async fn hand_over(&mut self, opened: Result<PodTerminal, String>) -> Result<(), TuiError> {
        self.dirty = true;
        let terminal = match opened {
            Ok(terminal) => terminal,
            Err(why) => {
                self.app.tell(&format!("psql: {why}"));
                return Ok(());
            }
        };
        self.events = None;
        super::restore_terminal();
        crossterm::terminal::enable_raw_mode().map_err(|error| TuiError::Io("handing it over", error))?;
        let ended = tokio::select! {
            ended = super::hand_over::hand_over(terminal) => ended,
            _ = self.signals.terminate.recv() => Ok(()),
            _ = self.signals.hang_up.recv() => Ok(()),
        };
        self.events = Some(EventStream::new());
        self.take_again()?;
        self.app.tell(&match ended {
            Ok(()) => "psql has ended".to_owned(),
            Err(error) => format!("psql: {error}"),
        });
        Ok(())
    }

    /// Takes the terminal again after somebody else had it.
    fn take_again(&mut self) -> Result<(), TuiError> {
        self.guard.again().map_err(|error| TuiError::Io("taking the terminal", error))?;
        self.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // What is still buffered belongs on the alternate screen, before the guard leaves it; a terminal that is gone takes nothing.
        let _ = self.terminal.backend_mut().flush();
    }
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            hang_up: unix::signal(SignalKind::hangup())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            go_on: unix::signal(SignalKind::from_raw(Signal::SIGCONT as i32))?,
        })
    }
}
