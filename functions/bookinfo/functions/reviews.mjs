// Reviews of a book, in three versions: v1 has no stars, v2 black ones, v3 red ones. The stars come from `ratings`.
const VERSION = process.env.SERVICE_VERSION ?? 'v1'
const COLOUR = { v2: 'black', v3: 'red' }[VERSION]
const TEXTS = {
  Reviewer1: 'An extremely entertaining play. The slapstick humour is refreshing!',
  Reviewer2: 'Absolutely fun and entertaining. The play lacks thematic depth when compared to others.',
}

export default async (request, context) => {
  const id = Number(new URL(request.url).pathname.split('/').at(-1)) || 0
  const stars = COLOUR === undefined ? undefined : await askRatings(id, request)
  const reviews = Object.entries(TEXTS).map(([reviewer, text]) => ({ reviewer, text, ...(stars === undefined ? {} : { rating: rating(stars, reviewer) }) }))
  return Response.json({ id, version: VERSION, revision: context.revision, reviews })
}

function rating(stars, reviewer) {
  return stars.error === undefined ? { stars: stars.ratings[reviewer], color: COLOUR } : { error: stars.error }
}

// `end-user` goes along, so that a rule about one user holds for what is called on their behalf. Traces go along by themselves.
async function askRatings(id, request) {
  const user = request.headers.get('end-user')
  try {
    const answer = await fetch(`http://ratings.default/ratings/${id}`, {
      headers: user === null ? {} : { 'end-user': user },
      signal: AbortSignal.timeout(10_000),
    })
    return answer.ok ? await answer.json() : { error: `Ratings service is currently unavailable (${answer.status})` }
  } catch {
    return { error: 'Ratings service is currently unavailable' }
  }
}
