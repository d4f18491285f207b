'use strict'

const os = require('node:os')

// The first sensor: knows the temperature alone, as a string of 0 to 19 degrees.
exports.sample = (req, res) => {
  res.json({ src: os.hostname(), temp: String(Math.floor(Math.random() * 20)) })
}
