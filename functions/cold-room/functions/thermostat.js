'use strict'

const LIMIT_DEGREES = 5

// Decides what the cooling does. Takes `temp` as a form or as JSON.
exports.handler = (req, res) => {
  const degrees = Number((req.body ?? {}).temp)
  if (!Number.isFinite(degrees)) {
    res.status(400).end('temp must be a number of degrees\n')
    return
  }
  res.end(degrees > LIMIT_DEGREES ? 'Decreasing!' : 'Increasing!')
}
