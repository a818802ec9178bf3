"""The course around the experiments: predictions, exercises, claims, progress. One module of questions per lesson."""
