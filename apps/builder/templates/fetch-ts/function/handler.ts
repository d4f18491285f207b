interface Context {
  readonly function: string
}

/** The signal of the request is aborted when the caller goes away or the time is up. */
export default async (request: Request, context: Context): Promise<Response> => {
  const { pathname } = new URL(request.url)
  return Response.json({ message: `Hello from ${context.function}`, method: request.method, path: pathname })
}
