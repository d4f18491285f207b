import { ads, resource } from './json.ts'
import { TYPE_URLS } from './names.ts'
import type { EnvoyResource, Json } from './types.ts'

/** A filter whose configuration is a resource of its own (ECDS) of the filter's name; `otherwise` holds as long as there is none. */
export function discovered(name: string, type: string, otherwise?: Json): Json {
  return {
    name,
    config_discovery: {
      config_source: ads(),
      type_urls: [`type.googleapis.com/${type}`],
      ...(otherwise === undefined ? {} : { default_config: otherwise, apply_default_config_without_warming: true }),
    },
  }
}

/** The configuration of a {@link discovered} filter. */
export function discovery(name: string, typed_config: Json): EnvoyResource {
  return resource(TYPE_URLS.extension, name, { name, typed_config })
}
