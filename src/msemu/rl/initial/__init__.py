"""Beginning a run with the policy of another one: its values, its networks, and what keeps them from being lost."""
