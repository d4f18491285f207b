import { ads, resource } from './json.ts'
import { TYPE_URLS } from './names.ts'
import type { EnvoyResource, Json } from './types.ts'

const SLOW_START_MS = 15_000

/** A filter whose configuration is a resource of its own (ECDS) of the filter's name; `otherwise` holds as long as there is none. */
export function discovered(name: string, type: string, otherwise?: Json): Json {
  return {
    name,
    config_discovery: {
      // Without a configuration it would answer 500: what serves nothing before it is known waits for a slow start.
      config_source: otherwise === undefined ? ads(SLOW_START_MS) : ads(),
      type_urls: [`type.googleapis.com/${type}`],
      ...(otherwise === undefined ? {} : { default_config: otherwise, apply_default_config_without_warming: true }),
    },
  }
}

/** The configuration of a {@link discovered} filter. */
export function discovery(name: string, typed_config: Json): EnvoyResource {
  return resource(TYPE_URLS.extension, name, { name, typed_config })
}
