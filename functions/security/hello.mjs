export default (request) => new Response(`${process.env.GREETING ?? 'hello'} ${request.headers.get('x-user') ?? 'nobody'}\n`)
