-- Whether this device may be sent to the store for bytes; null: as the daemon's setting says.
alter table app_passwords add redirect text check (redirect in ('off', 'known-clients', 'always'));
