"""Commands that make another policy out of one."""
