"""Both ends as programs: their options, logs, tables of figures, and how they are run and ended."""
