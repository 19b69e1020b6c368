import { task, delay } from 'cowait'

export const sleep = task(async ({ duration = 5 }: { duration?: number }) => {
  for (let i = 0; i < duration; i++) {
    await delay('1s')
    console.log('slept', i + 1)
  }
  return { duration }
})
