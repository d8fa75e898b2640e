-- What Grafana and OnCall make on SQLite, as far as it bears on speed: the tables in which a real installation has its rows.
CREATE TABLE "user" (id INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER NOT NULL, login TEXT NOT NULL, email TEXT NOT NULL,
  name TEXT, password TEXT, salt TEXT, rands TEXT, org_id INTEGER NOT NULL, is_admin INTEGER NOT NULL, email_verified INTEGER, theme TEXT,
  created DATETIME NOT NULL, updated DATETIME NOT NULL, avatar BLOB);
CREATE TABLE tag (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, value TEXT NOT NULL);
CREATE TABLE dashboard (id INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER NOT NULL, slug TEXT NOT NULL, title TEXT NOT NULL,
  data TEXT NOT NULL, org_id INTEGER NOT NULL, created DATETIME NOT NULL, updated DATETIME NOT NULL,
  is_folder INTEGER NOT NULL DEFAULT 0, has_acl INTEGER NOT NULL DEFAULT 0, uid TEXT);
CREATE TABLE annotation (id INTEGER PRIMARY KEY AUTOINCREMENT, org_id INTEGER NOT NULL, alert_id INTEGER, user_id INTEGER, dashboard_id INTEGER,
  type TEXT NOT NULL, text TEXT NOT NULL, epoch INTEGER NOT NULL, epoch_end INTEGER NOT NULL DEFAULT 0);
CREATE TABLE alerts_alertgroup (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, public_primary_key varchar(20) NOT NULL UNIQUE, uuid char(32) NOT NULL,
  started_at datetime NOT NULL, resolved_at datetime NULL, response_time bigint NULL, resolved bool NOT NULL, acknowledged bool NOT NULL, silenced bool NOT NULL,
  title varchar(300) NULL, labels text NULL CHECK ((JSON_VALID("labels") OR "labels" IS NULL)), raw_escalation_snapshot text NULL,
  resolved_by_user_id integer NULL REFERENCES "user" (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE alerts_alert (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, public_primary_key varchar(20) NOT NULL UNIQUE, is_resolve_signal bool NOT NULL,
  title text NULL, message text NULL, raw_request_data text NOT NULL CHECK ((JSON_VALID("raw_request_data"))), created_at datetime NOT NULL,
  group_id bigint NOT NULL REFERENCES alerts_alertgroup (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE alerts_alertgrouplogrecord (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, created_at datetime NOT NULL, type smallint NOT NULL,
  alert_group_id bigint NOT NULL REFERENCES alerts_alertgroup (id) DEFERRABLE INITIALLY DEFERRED, author_id integer NULL,
  silence_delay bigint NULL, reason text NULL, eta datetime NULL, step_specific_info text NULL);
CREATE INDEX s_a_group_idx ON alerts_alert (group_id);
CREATE INDEX s_lr_group_idx ON alerts_alertgrouplogrecord (alert_group_id);
