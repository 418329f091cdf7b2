def changes(spec, declared):
    return []
