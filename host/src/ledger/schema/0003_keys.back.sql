-- A request that is made again after this way is a new one.

DROP TABLE request_keys;
