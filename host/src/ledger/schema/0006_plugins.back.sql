-- Nothing is lost on this way: what is counted can be counted again.

ALTER TABLE plugins DROP COLUMN attempts;
