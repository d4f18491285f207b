import type { WorkloadKey } from '@weft/mesh-model'
import { any, extension } from './json.ts'
import { connectName, MESH_HEADERS } from './names.ts'
import { ON_DEMAND_TIMEOUT_MS } from './on-demand.ts'
import type { Json } from './types.ts'

/** Asks where a CONNECT goes, at the first one to a host. */
const FILTER = 'envoy.filters.http.lua'
const QUESTION = 'first'

/**
 * Envoy fetches no virtual host on demand for a CONNECT, which never ends. So the first one to a host asks by a GET of its own, through the workload's internal
 * listener: that fetches the virtual host, whose answer names the cluster of the tunnel (or is the refusal). Later ones find the virtual host at once. The script is
 * ours; of the caller it knows the authority, as a header value.
 */
export function firstConnectFilter(workload: WorkloadKey): Json {
  const script = `
function envoy_on_request(handle)
  local question = { [":method"] = "GET", [":path"] = "/", [":authority"] = handle:headers():get(":authority"), ["${MESH_HEADERS.first}"] = "yes" }
  local answer, body = handle:httpCall("${connectName(workload)}", question, nil, ${ON_DEMAND_TIMEOUT_MS})
  local cluster = answer["${MESH_HEADERS.cluster}"]
  if answer[":status"] == "200" and cluster ~= nil then
    handle:headers():replace("${MESH_HEADERS.cluster}", cluster)
    handle:clearRouteCache()
  else
    handle:respond({ [":status"] = answer[":status"], ["content-type"] = "application/json" }, body)
  end
end`
  return extension(FILTER, 'envoy.extensions.filters.http.lua.v3.Lua', { source_codes: { [QUESTION]: { inline_string: script } } })
}

/** Switches {@link firstConnectFilter} on for a route. */
export const ASKS_FIRST: Json = { [FILTER]: any('envoy.extensions.filters.http.lua.v3.LuaPerRoute', { name: QUESTION }) }
