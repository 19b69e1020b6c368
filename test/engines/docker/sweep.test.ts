import { expect, test } from 'vitest'
import { ownHome, homeText } from '../../../src/engines/host-process.ts'
import { label, originPrefix, ownerLabels } from '../../../src/engines/docker/labels.ts'
import { sweep } from '../../../src/engines/docker/sweep.ts'
import { clientOf } from './fake-engine.ts'

/** Of a supervisor that is gone for sure: this process, had it started earlier. */
const abandoned = { ...ownerLabels('gone'), [`${originPrefix}home`]: homeText({ ...ownHome(), start: '1' }), [label.worker]: 'w' }

test('containers whose removal the engine stumbles over are removed all the same, and hinder no other', async () => {
  const answers: Record<string, number[]> = { stumbles: [500, 409, 204], goes: [204], isGone: [409, 404] }
  await using engine = await clientOf((request, response) => {
    const [, id = ''] = /containers\/(\w+)\?/.exec(request.url ?? '') ?? []
    response.setHeader('content-type', 'application/json')
    if (request.method === 'GET') {
      response.end(JSON.stringify(Object.keys(answers).map((Id) => ({ Id, Names: [`/${Id}`], Labels: abandoned }))))
      return
    }
    // Nothing runs in them.
    response.statusCode = request.method === 'DELETE' ? (answers[id]?.shift() ?? 404) : 409
    response.end(response.statusCode < 400 ? undefined : '{"message":"removal of container is already in progress"}')
  })
  expect(await sweep(engine.client)).toBe(3)
  expect(answers).toEqual({ stumbles: [], goes: [], isGone: [] })
})
