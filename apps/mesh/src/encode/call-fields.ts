/** What Envoy says of a call that has ended, by the names under which the access log and taps tell it (Envoy's "command operators"). */
export const CALL_FIELDS = {
  method: '%REQ(:METHOD)%',
  code: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  bytesReceived: '%BYTES_RECEIVED%',
  bytesSent: '%BYTES_SENT%',
  durationMs: '%DURATION%',
  callId: '%REQ(X-CALL-ID)%',
  traceId: '%TRACE_ID%',
} as const

/** The host that was asked for. */
export const AUTHORITY = '%REQ(:AUTHORITY)%'
