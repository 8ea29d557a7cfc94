-- How many attempts there are of each plugin, so that it goes with the last of them.

ALTER TABLE plugins ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0);

UPDATE plugins SET attempts = counted.attempts
FROM (SELECT plugin, count(*) AS attempts FROM attempts WHERE plugin IS NOT NULL GROUP BY plugin) AS counted
WHERE counted.plugin = plugins.id;

DELETE FROM plugins WHERE attempts = 0;
