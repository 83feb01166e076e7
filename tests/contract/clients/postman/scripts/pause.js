setTimeout(() => {}, Number(pm.variables.get('pause')))
