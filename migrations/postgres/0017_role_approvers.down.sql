DROP TABLE role_approvers;
