"""The interpreter stack. Knows no primitive and no transform; imports nothing of ours from
above."""
