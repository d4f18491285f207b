import { describe, expect, it } from '@jest/globals'
import { authorityOf, wayOf } from './mesh-name.ts'

const NAMESPACES = new Set(['default', 'shop'])

describe('the way of a connection', () => {
  it.each([
    ['a single label', 'temp', false, 'mesh'],
    ['a name with a namespace of the mesh', 'temp.shop', false, 'mesh'],
    ['a service name', 'temp.any.svc', false, 'mesh'],
    ['a full cluster name', 'temp.any.svc.cluster.local', false, 'mesh'],
    ['a name in capitals with a trailing dot', 'TEMP.Default.', false, 'mesh'],
    ['TLS to a mesh name', 'temp.default', true, 'connect'],
    ['a domain of two labels', 'example.com', false, 'connect'],
    ['an address', '10.1.2.3', false, 'connect'],
    ['an address in short form', '2130706433', false, 'connect'],
    ['an IPv6 address', 'fd00::1', false, 'connect'],
    ['the metadata service', '169.254.169.254', false, 'connect'],
    ['localhost', 'localhost', false, 'local'],
    ['the loopback', '127.0.0.53', true, 'local'],
    ['the IPv6 loopback', '::1', false, 'local'],
  ])('of %s (%s, TLS %s) is %s', (_name, host, secure, way) => {
    expect(wayOf(host, secure, NAMESPACES)).toBe(way)
  })
})

describe('the authority of a CONNECT', () => {
  it.each([
    ['a name', 'api.example.com', 'api.example.com:443'],
    ['an address', '10.0.0.1', '10.0.0.1:443'],
    ['an IPv6 address', 'fd00::1', '[fd00::1]:443'],
    ['a line break', 'a\r\nb', undefined],
    ['a space', 'a b', undefined],
    ['user information', 'a@b', undefined],
    ['nothing', '', undefined],
  ])('of %s', (_name, host, expected) => {
    expect(authorityOf(host, 443)).toBe(expected)
  })
})
