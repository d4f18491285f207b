'use strict'

const os = require('node:os')

// The second sensor: knows the humidity too, 0 to 29 per cent.
exports.sample = (req, res) => {
  res.json({
    src: os.hostname(),
    temp: String(Math.floor(Math.random() * 20)),
    hum: String(Math.floor(Math.random() * 30)),
  })
}
