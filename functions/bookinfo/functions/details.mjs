// Facts of a book.
export default (request) => {
  const id = Number(new URL(request.url).pathname.split('/').at(-1)) || 0
  return Response.json({ id, author: 'William Shakespeare', year: 1595, type: 'paperback', pages: 200, publisher: 'PublisherA', language: 'English' })
}
