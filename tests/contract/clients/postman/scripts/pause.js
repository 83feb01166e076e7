// Pauses grow, up to a minute.
const pause = Number(pm.variables.get('pause'))
pm.collectionVariables.set('pause', Math.min(pause * 1.5, 60000))
setTimeout(() => {}, pause)
