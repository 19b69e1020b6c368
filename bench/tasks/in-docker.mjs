import { delay, task } from 'cowait'

export const lines = task(async ({ count }) => {
  for (let i = 0; i < count; i++) console.log(`line ${i} of a log that is about as long as lines of a log are`)
})

const wait = task(async ({ seconds }) => await delay(`${seconds}s`))

export const alive = task(async ({ count, seconds }) => {
  await Promise.all(Array.from({ length: count }, () => wait({ seconds })))
})
