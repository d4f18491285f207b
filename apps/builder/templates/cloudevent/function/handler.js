'use strict'

/** event: specversion, id, source, type, time, data and the extensions, as CloudEvents 1.0 names them. */
module.exports = async (event) => {
  console.log(`event ${event.id} of type ${event.type} from ${event.source}`)
  return { received: event.data }
}
