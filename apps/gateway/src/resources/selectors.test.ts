import { describe, expect, it } from '@jest/globals'
import type { Resource } from '@weft/core'
import { fieldPredicate, labelPredicate } from './selectors.ts'

const resource: Resource = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'temp', namespace: 'default', labels: { app: 'temp', tier: 'back', 'weft.dev/function': 'x', empty: '' } },
}

describe('a label selector', () => {
  it.each([
    ['', true],
    ['app=temp', true],
    ['app==temp', true],
    ['app = temp', true],
    ['app!=temp', false],
    ['other!=temp', true],
    ['app=temp,tier=front', false],
    ['app in (a,temp),tier notin (front)', true],
    ['app in (a,b)', false],
    ['other notin (a)', true],
    ['app', true],
    ['!app', false],
    ['!other', true],
    ['empty=', true],
    ['weft.dev/function=x', true],
  ])('%p selects: %p', (selector, expected) => {
    expect(labelPredicate(selector)(resource)).toBe(expected)
  })

  it.each(['=x', 'a=b c', 'a in b', 'a in (b', '!', 'a=b,,c', 'a/b/c=d', 'a=-b', Array(70).fill('a').join(',')])('%p is refused', (selector) => {
    expect(() => labelPredicate(selector)).toThrow('labelSelector')
  })
})

describe('a field selector', () => {
  it.each([
    ['metadata.name=temp', true],
    ['metadata.name!=temp', false],
    ['metadata.namespace==default,metadata.name=temp', true],
    ['metadata.namespace=other', false],
  ])('%p selects: %p', (selector, expected) => {
    expect(fieldPredicate(selector)(resource)).toBe(expected)
  })

  it('refuses other fields by name', () => {
    expect(() => fieldPredicate('spec.nodeName=x')).toThrow('"spec.nodeName=x" cannot be selected by')
  })
})
