// Stars of a book, by reviewer.
export default (request) => {
  const id = Number(new URL(request.url).pathname.split('/').at(-1)) || 0
  return Response.json({ id, ratings: { Reviewer1: 5, Reviewer2: 4 } })
}
