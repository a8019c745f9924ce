"""Calibration while the service runs: labels from the market, what they say of the parameters, and what follows.

    Paths, Pending   best prices over time; samples of the market and decisions, labelled once their horizon has passed
    Learner          of one instrument: blocks of labels in, promotions, refusals and rollbacks out; reads no clock
    Learning         in the recorder: feeds the learners, keeps and publishes versions, starts fits, counts and tells

models/README.md says what is updated when, and why.
"""
