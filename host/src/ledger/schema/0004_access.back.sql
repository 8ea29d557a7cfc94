-- The tokens and the audit log are lost on this way.

DROP TABLE audit;
DROP TABLE tokens;
