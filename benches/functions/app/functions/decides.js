exports = () => context.user.id === "ada";
