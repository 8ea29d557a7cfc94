-- The same rule, in its form before.

DROP TRIGGER runs_step;
CREATE TRIGGER runs_step AFTER UPDATE OF state, attempts, outcome ON runs
WHEN NEW.attempts <> OLD.attempts + (NEW.state = 1) OR NOT CASE OLD.state
    WHEN 0 THEN NEW.state = 1 OR NEW.state = 3 AND NEW.outcome IN (5, 8)
    WHEN 1 THEN NEW.state = 2 OR NEW.state = 3 AND NEW.outcome <> 8
    WHEN 2 THEN NEW.state = 1 OR NEW.state = 3 AND NEW.outcome IN (5, 8)
    ELSE NEW.state = 0 AND OLD.outcome > 0
END
BEGIN
    SELECT raise(ABORT, 'that step cannot follow from where the run stands');
END;
