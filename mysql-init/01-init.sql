-- Runs once, at a MySQL or MariaDB container's first start (mount this folder at /docker-entrypoint-initdb.d).
-- Makes the database; its tables are made and changed by `streetveil db upgrade` alone.
-- The account is the container's own: MYSQL_DATABASE=streetveil, MYSQL_USER and MYSQL_PASSWORD, which give that user all
-- rights on this database. docs/database.md lists the few that are needed.

CREATE DATABASE IF NOT EXISTS `streetveil` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
ALTER DATABASE `streetveil` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
