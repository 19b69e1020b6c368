import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasKubernetes } from './available.ts'
import { Namespace } from './namespace.ts'

describe.runIf(await hasKubernetes())('the Role of the docs', () => {
  let namespace: Namespace
  beforeAll(async () => {
    namespace = await Namespace.make()
  })
  afterAll(() => namespace[Symbol.asyncDispose]())

  test('gives rights on pods, jobs and events of one namespace, and nothing that a stranger could use to get more', async () => {
    const account = `system:serviceaccount:${namespace.name}:cowait`
    const list = await namespace.kubectl('auth', 'can-i', '--list', '--no-headers', '--as', account)
    const rights = Object.fromEntries(
      list
        .split('\n')
        .map((line) => /^(\S+)\s+\[\]\s+\[\]\s+\[(.*)\]$/.exec(line))
        // What every account may: ask about itself.
        .filter((found) => found !== null && !found[1]?.startsWith('self'))
        .map((found) => [found?.[1], found?.[2]]),
    )
    expect(rights).toEqual({
      events: 'list watch',
      pods: 'create get list watch delete',
      'pods/exec': 'get create',
      'pods/log': 'get',
      'pods/portforward': 'get create',
      'jobs.batch': 'create list patch delete',
    })
    expect(await namespace.kubectl('auth', 'can-i', 'create', 'pods', '-n', 'default', '--as', account).catch(() => 'no')).toBe('no')
  })
})
