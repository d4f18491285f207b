'use strict'

/** event.data is the body (parsed when it is JSON), event.extensions has request and response. What is returned is the response. */
module.exports = async (event, context) => ({ message: `Hello from ${context['function-name']}`, received: event.data })
