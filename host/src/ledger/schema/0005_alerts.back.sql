-- What was told and what is still to be told is lost on this way.

DROP TABLE alert_notices;
DROP TABLE alert_messages;
DROP TABLE alert_problems;
DROP TABLE alert_causes;
DROP TABLE alert_host;
