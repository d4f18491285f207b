// The page of a book: asks for details and reviews, and shows what it gets. `?json` gives the same as JSON.
const BOOK = { id: 0, title: 'The Comedy of Errors' }
// productpage gives reviews two tries of three seconds: a delay of seven seconds in ratings shows as a failure here, as in Istio's exercise
const TRIES = 2
const TIMEOUT_MS = 3_000

export default async (request) => {
  const url = new URL(request.url)
  const user = request.headers.get('end-user')
  const headers = user === null ? {} : { 'end-user': user }
  const [details, reviews] = await Promise.all([
    ask(`http://details.default/details/${BOOK.id}`, headers),
    askTwice(`http://reviews.default/reviews/${BOOK.id}`, headers),
  ])
  if (url.searchParams.has('json')) return Response.json({ book: BOOK, user, details, reviews })
  return new Response(page(user, details, reviews), { headers: { 'content-type': 'text/html; charset=utf-8' } })
}

async function askTwice(url, headers) {
  let last
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    last = await ask(url, headers)
    if (last.error === undefined) return last
  }
  return last
}

async function ask(url, headers) {
  try {
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
    return answer.ok ? await answer.json() : { error: `status ${answer.status}` }
  } catch {
    return { error: 'no answer in time' }
  }
}

function page(user, details, reviews) {
  const facts =
    details.error === undefined
      ? Object.entries(details)
          .map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`)
          .join('')
      : 'Sorry, product details are currently unavailable for this book.'
  const list = reviews.error === undefined ? reviews.reviews.map(review).join('') : 'Sorry, product reviews are currently unavailable for this book.'
  return `<!doctype html><title>${BOOK.title}</title><h1>${BOOK.title}</h1><p>${user === null ? 'Not signed in' : `Signed in as ${escape(user)}`}</p><dl>${facts}</dl>${list}\n`
}

function review({ reviewer, text, rating }) {
  const stars =
    rating === undefined
      ? ''
      : rating.error === undefined
        ? `<span style="color:${rating.color}">${'★'.repeat(rating.stars)}</span>`
        : `<em>${escape(rating.error)}</em>`
  return `<blockquote>${escape(text)} <cite>${escape(reviewer)}</cite> ${stars}</blockquote>`
}

function escape(value) {
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
