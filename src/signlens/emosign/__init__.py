"""EmoSign: emotion in signing. Annotations, agreement, tasks, predictions, scoring, baselines."""
