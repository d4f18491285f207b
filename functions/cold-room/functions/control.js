'use strict'

// Asks a sensor and tells the thermostat. Both are plain host names of the mesh: no library, no address, no certificate in here.
exports.control = async (req, res) => {
  try {
    const reading = await ask('http://temp.default:8080')
    const { temp, hum } = JSON.parse(reading)
    const action = await ask('http://thermostat.default:8080', new URLSearchParams({ temp }))
    const humidity = hum === undefined ? '' : `. Humidity: ${hum}%`
    res.end(`Temperature measured: ${temp} degrees. Action: ${action}${humidity}`)
  } catch (error) {
    console.error(error)
    res.status(502).end(`${error.message}\n`)
  }
}

async function ask(url, form) {
  const answer = await fetch(url, form === undefined ? {} : { method: 'POST', body: form })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text}`)
  return text
}
