-- What a paging application (Django) and a dashboard application (Go, xorm) make on SQLite: the shapes of OnCall and Grafana.
CREATE TABLE "django_migrations" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "app" varchar(255) NOT NULL, "name" varchar(255) NOT NULL, "applied" datetime NOT NULL);
CREATE TABLE "organization" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "public_primary_key" varchar(20) NOT NULL UNIQUE, "title" varchar(300) NOT NULL,
  "uuid" char(32) NOT NULL UNIQUE, "maintenance_duration" bigint NULL, "is_rbac_enabled" bool NOT NULL, "deleted_at" datetime NULL,
  "owner_id" bigint NULL REFERENCES "oncall_user" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "oncall_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "public_primary_key" varchar(20) NOT NULL UNIQUE, "username" varchar(300) NOT NULL,
  "email" varchar(254) NOT NULL, "role" smallint unsigned NOT NULL CHECK ("role" >= 0), "is_active" bool NULL, "permissions" text NOT NULL CHECK ((JSON_VALID("permissions") OR "permissions" IS NULL)),
  "organization_id" bigint NOT NULL REFERENCES "organization" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "integration" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "verbal_name" varchar(150) NULL, "created_at" datetime NOT NULL, "rate" decimal NULL,
  "organization_id" bigint NOT NULL REFERENCES "organization" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "alert_group" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "public_primary_key" varchar(20) NOT NULL UNIQUE, "uuid" char(32) NOT NULL,
  "started_at" datetime NOT NULL, "resolved_at" datetime NULL, "response_time" bigint NULL, "resolved" bool NOT NULL, "silenced" bool NOT NULL, "title" text NULL,
  "labels" text NULL CHECK ((JSON_VALID("labels") OR "labels" IS NULL)), "root_alert_group_id" bigint NULL REFERENCES "alert_group" ("id") DEFERRABLE INITIALLY DEFERRED,
  "integration_id" bigint NOT NULL REFERENCES "integration" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "alert" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "public_primary_key" varchar(20) NOT NULL UNIQUE, "message" text NULL,
  "raw_request_data" text NOT NULL CHECK ((JSON_VALID("raw_request_data") OR "raw_request_data" IS NULL)), "created_at" datetime NOT NULL,
  "group_id" bigint NOT NULL REFERENCES "alert_group" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "log_record" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "created_at" datetime NOT NULL, "type" integer NOT NULL, "silence_delay" bigint NULL,
  "reason" text NULL, "eta" datetime NULL, "alert_group_id" bigint NOT NULL REFERENCES "alert_group" ("id") DEFERRABLE INITIALLY DEFERRED,
  "author_id" bigint NULL REFERENCES "oncall_user" ("id") DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "on_call_shift" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(200) NOT NULL, "start" datetime NOT NULL, "duration" bigint NOT NULL,
  "until" date NULL, "by_day" text NULL CHECK ((JSON_VALID("by_day") OR "by_day" IS NULL)));
CREATE TABLE `user` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `login` TEXT NOT NULL, `email` TEXT NOT NULL, `is_admin` INTEGER NOT NULL, `created` DATETIME NOT NULL,
  `updated` DATETIME NOT NULL, `avatar` BLOB NULL);
CREATE TABLE `dashboard` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `uid` TEXT NULL, `title` TEXT NOT NULL, `data` TEXT NOT NULL, `is_folder` INTEGER NOT NULL DEFAULT 0,
  `created` DATETIME NOT NULL, `order` REAL NULL);
CREATE TABLE `annotation` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `dashboard_id` INTEGER NULL, `text` TEXT NOT NULL, `epoch` INTEGER NOT NULL, `epoch_end` INTEGER NOT NULL DEFAULT 0);
CREATE TABLE `kv_store` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `namespace` TEXT NOT NULL, `key` TEXT NOT NULL, `value` TEXT NOT NULL, `created` DATETIME NOT NULL, `updated` DATETIME NOT NULL);
CREATE TABLE `data_keys` (`name` TEXT PRIMARY KEY NOT NULL, `active` INTEGER NOT NULL, `encrypted_data` BLOB NOT NULL, `created` DATETIME NOT NULL);
CREATE INDEX "alert_group_started_at" ON "alert_group" ("started_at");
CREATE INDEX "alert_group_id" ON "alert" ("group_id");
CREATE INDEX "log_record_group" ON "log_record" ("alert_group_id");
