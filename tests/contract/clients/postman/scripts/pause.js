// Pauses grow, up to a minute; the last answer may have wanted a longer one.
const pause = Number(pm.variables.get('pause'))
pm.collectionVariables.set('pause', Math.min(pause * 1.5, 60000))
setTimeout(() => {}, Math.max(pause, Number(pm.variables.get('notBefore')) - Date.now()))
