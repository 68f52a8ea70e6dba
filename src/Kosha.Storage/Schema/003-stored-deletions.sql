-- As many deletions the store is known to have seen: one that has seen fewer is older than the database. Below
-- installation.deletions after a crash between the two.
alter table installation add stored_deletions bigint not null default 0;
