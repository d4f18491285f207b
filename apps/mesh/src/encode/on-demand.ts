import { ads, duration, extension } from './json.ts'
import type { Json } from './types.ts'

/** How long a call waits for what it needs to be fetched; the answer comes from the same machine. */
export const ON_DEMAND_TIMEOUT_MS = 5000

/** Lets calls wait for virtual hosts and clusters that the proxy does not have yet, and asks for them. Before all others: what they did would be done twice. */
export function onDemandFilter(): Json {
  return extension('envoy.filters.http.on_demand', 'envoy.extensions.filters.http.on_demand.v3.OnDemand', {
    odcds: { source: ads(), timeout: duration(ON_DEMAND_TIMEOUT_MS) },
  })
}

/**
 * Lets calls wait for routes alone, in front of `onDemandFilter`. That one fetches one thing for a call that has its body with it, and then lets it go on:
 * a call that came before its routes and before its cluster would have the first and not the second (503).
 */
export function onDemandRoutesFilter(): Json {
  return extension('weft.on-demand-routes', 'envoy.extensions.filters.http.on_demand.v3.OnDemand')
}
