import { Type } from 'typebox'

/** An address of HTTP or HTTPS. */
export const webAddress = (description: string) => Type.String({ pattern: '^https?://', maxLength: 2048, description })
