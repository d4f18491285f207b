'use strict'

/**
 * event: body, headers, method, query, path. context: status(code), headers(map), succeed(value), fail(error).
 * What is returned is the response; objects become JSON.
 */
module.exports = async (event, context) => {
  return context
    .status(200)
    .headers({ 'content-type': 'application/json' })
    .succeed({ message: `Hello from ${event.method} ${event.path}`, received: event.body })
}
