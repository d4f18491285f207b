'use strict'

/** req.body is parsed (JSON, forms, text); res.json, res.send and res.status are there as in Express. */
module.exports = (req, res) => {
  res.json({ message: 'Hello', method: req.method, url: req.url, received: req.body })
}
