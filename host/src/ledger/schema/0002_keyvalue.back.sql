-- What guests keep in their stores is lost on this way.

DROP TABLE store_values;
DROP TABLE stores;
ALTER TABLE attempts DROP COLUMN kv_writes;
