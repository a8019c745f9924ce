"""Calibration while the service runs: labels from the market correct the parameters in force.

    PricePaths, LabelQueue   best prices over time; samples of market and decisions, labelled after their horizon
    Learner                  of one instrument: blocks of labels in, promotions, refusals and rollbacks out; no clock
    Learning                 in the recorder: feeds the learners, stores and publishes versions, starts fits, counts

models/README.md describes what is updated when, and why.
"""
