-- compatible-from: 10
-- What each build's version calls its tables, so that those which one version has and another has not move together; and
-- by which release it was begun beside a live one of an earlier version.

ALTER TABLE tidelock.builds
    ADD COLUMN tables    text[],
    ADD COLUMN raised_by text;
