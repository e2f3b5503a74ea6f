"""The read side's process: Faust hands it the logs, it folds them into read models. Only here Faust is imported."""
